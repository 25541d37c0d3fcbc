"""Sextants have the code points of Unicode, and every block has a complement that fills the rest of its cell."""

import unicodedata

from adam_tui.draw.blocks import COMPLEMENT, PARTS, SEXTANTS


def test_sextants_fill_the_parts_that_their_names_list():
    named = {block: filled for block, filled in SEXTANTS.items() if block not in " ▌▐█"}
    assert "".join(named) == "".join(map(chr, range(0x1FB00, 0x1FB3C)))
    for block, filled in named.items():
        numbers = "".join(str(part + 1) for part in range(6) if filled[part])
        assert unicodedata.name(block) == f"BLOCK SEXTANT-{numbers}"


def test_the_sextants_of_whole_columns_are_the_older_blocks():
    older = {block: filled for block, filled in SEXTANTS.items() if block in " ▌▐█"}
    assert older == {
        " ": (False,) * 6,
        "▌": (True, False) * 3,
        "▐": (False, True) * 3,
        "█": (True,) * 6,
    }


def test_a_block_and_its_complement_fill_the_cell_together():
    assert set(COMPLEMENT) == set(PARTS) - set(" █")
    for block, other in COMPLEMENT.items():
        assert PARTS[other] == tuple(not part for part in PARTS[block])
