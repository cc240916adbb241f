"""What a file is, by its first bytes; and what may be unpickled."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import zlib

import pytest
from servery.domain.imports import Format, check_trusted, check_unpickled, told
from servery.errors import InvalidInputError, UnsupportedMediaError

PICKLE = pickle.dumps({"a": 1}, protocol=4)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x08\x0a\x12\x08skl2onnx", Format.ONNX),
        (b"\x08\x09\x3a\x00", Format.ONNX),
        (b"PK\x03\x04rest", Format.SKOPS),
        *((pickle.dumps([1], protocol=p), Format.JOBLIB) for p in (2, 3, 4, 5)),
        (gzip.compress(PICKLE, mtime=0), Format.JOBLIB),
        (bz2.compress(PICKLE), Format.JOBLIB),
        (lzma.compress(PICKLE), Format.JOBLIB),
        (lzma.compress(PICKLE, format=lzma.FORMAT_ALONE), Format.JOBLIB),
        *((zlib.compress(PICKLE, level), Format.JOBLIB) for level in (1, 3, 6, 9)),
    ],
)
def test_format_is_that_of_the_content_when_a_file_is_looked_at(content, kind):
    assert told(content) is kind


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08",
        b"\x08\x0a\xff",
        b"\x80",
        b"\x80\x09",
        b"x",
        pickle.dumps({"a": 1}, protocol=0),
        pickle.dumps([1], protocol=1),
        b"\x00\x00\x00\x00ORTMrest",
        b"\x89HDF\r\n",
        b"cos\nsystem\n(S'true'\ntR.",
        b"#!/bin/sh\n",
    ],
)
def test_file_is_refused_when_it_is_nothing_that_is_imported(content):
    with pytest.raises(UnsupportedMediaError):
        told(content)


def test_pickle_is_refused_when_nobody_trusts_it():
    with pytest.raises(UnsupportedMediaError, match="was not opened"):
        check_trusted(told(io.BytesIO(PICKLE).getvalue()), trusted=False)
    check_trusted(Format.JOBLIB, trusted=True)
    check_trusted(Format.ONNX, trusted=False)


@pytest.mark.parametrize(
    ("origin", "class_path", "may"),
    [
        ("training", "sklearn.svm.SVC", True),
        ("search", "sklearn.svm.SVC", True),
        ("import", "imported.skops", True),
        ("trusted-file", "imported.joblib", True),
        ("import", "imported.onnx", False),
        ("import", "imported.joblib", False),
        ("import", "sklearn.svm.SVC", False),
        ("trusted-file", "sklearn.svm.SVC", False),
        ("training", "imported.joblib", False),
        ("elsewhere", "sklearn.svm.SVC", False),
        ("", "imported.joblib", False),
    ],
)
def test_pickle_serves_only_when_origin_and_spec_agree_on_who_made_it(origin, class_path, may):
    spec = {"estimator": {"class": class_path}}
    if may:
        check_unpickled(origin, spec)
    else:
        with pytest.raises(InvalidInputError, match="never unpickled"):
            check_unpickled(origin, spec)


def test_pickle_does_not_serve_when_its_spec_says_nothing():
    with pytest.raises(InvalidInputError):
        check_unpickled("import", {})
