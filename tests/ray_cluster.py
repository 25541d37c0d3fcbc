"""A Ray cluster of one host as a process: a head without processors, and nodes with one each.

`python tests/ray_cluster.py NODES` prints its address and the ids of its nodes as a line of JSON. A node's id on stdin
kills that node; "new" adds a node and prints its id in the same way; the end of stdin ends the cluster.
"""

import json
import os
import shutil
import sys
import tempfile

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "OMP_NUM_THREADS": "1"}

# Ray would keep 20 MB of logs in its own folder. In pytest's the paths are too long for Ray's sockets.
FOLDER = os.environ["RAY_TMPDIR"] = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="adam-tui-ray-", dir="/tmp")

from ray.cluster_utils import Cluster

STORE = 80 << 20  # bytes; Ray takes no less than 75 MB


def main(count: int) -> None:
    """Start a cluster and serve stdin."""
    head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        nodes = [cluster.add_node(num_cpus=1, object_store_memory=STORE, wait=False) for _ in range(count)]
        cluster.wait_for_nodes()
        known = {node.node_id: node for node in nodes}
        print(json.dumps({"address": cluster.address, "nodes": list(known)}), flush=True)
        for line in sys.stdin:
            if line.strip() == "new":
                node = cluster.add_node(num_cpus=1, object_store_memory=STORE)
                known[node.node_id] = node
                print(json.dumps({"address": cluster.address, "nodes": [node.node_id]}), flush=True)
            else:
                cluster.remove_node(known.pop(line.strip()), allow_graceful=False)
    finally:
        cluster.shutdown()
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
