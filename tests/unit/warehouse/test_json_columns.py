"""Facts reach JSON columns whatever numpy makes of them."""

from __future__ import annotations

import json
import math
from datetime import date
from enum import StrEnum

import numpy as np
import pytest

from factorprism.warehouse.db.json_columns import encode_json


class Colour(StrEnum):
    RED = "red"


def test_values_keep_their_meaning():
    value = {
        "float": np.float32(0.5),
        "int": np.int64(3),
        "bool": np.bool_(True),
        "day": date(2020, 1, 2),
        "array": np.array([1.5, 2.5]),
        "pair": (1, None),
        "set": {"b", "a"},
        "enum": Colour.RED,
        1: "key",
    }
    assert json.loads(encode_json(value)) == {
        "float": 0.5,
        "int": 3,
        "bool": True,
        "day": "2020-01-02",
        "array": [1.5, 2.5],
        "pair": [1, None],
        "set": ["a", "b"],
        "enum": "red",
        "1": "key",
    }


def test_numbers_that_json_lacks_come_back_through_float():
    texts = json.loads(encode_json([math.nan, np.inf, -np.inf]))
    assert math.isnan(float(texts[0]))
    assert [float(text) for text in texts[1:]] == [math.inf, -math.inf]


def test_what_has_no_place_is_named():
    with pytest.raises(ValueError, match="object"):
        encode_json({"a": object()})
