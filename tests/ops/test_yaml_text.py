from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import yaml
from hypothesis import given

from ccstream.ops.yaml_text import yaml_text

printable = st.characters(exclude_categories=("C", "Zl", "Zp"))
texts = st.text(printable, max_size=20)
scalars = st.one_of(texts, st.booleans(), st.none(), st.integers(), st.sampled_from(["no", "1e3"]))
values: Any = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(scalars, max_size=3),
        st.dictionaries(texts, inner, max_size=3),
        st.lists(st.dictionaries(texts, inner, min_size=1, max_size=2), max_size=3),
    ),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, min_size=1, max_size=4))
def test_what_is_written_is_what_a_reader_of_yaml_gets(document: dict[str, Any]) -> None:
    assert yaml.safe_load(yaml_text(document)) == document
