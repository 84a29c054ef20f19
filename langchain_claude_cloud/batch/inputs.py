"""Reads the inputs of a run, one by one, from any iterable or a file."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_core.messages import BaseMessage
from langchain_core.prompt_values import PromptValue

from langchain_claude_cloud.batch.identifiers import Identifiers, hash_of
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.extras import MissingExtraError

if TYPE_CHECKING:
    from langchain_claude_cloud.batch.report import RunReport

Row: TypeAlias = Any
"""An item of the inputs: a mapping of columns, a string, a message or a list of messages."""

Column: TypeAlias = str | Callable[[Row], Any]
"""The name of a column, or a function of the row."""

Inputs: TypeAlias = Iterable[Row] | str | Path

_LONGEST_CSV_FIELD = 2**31 - 1
_NOT_UTF_8 = "this is not UTF-8, save the file as UTF-8"


class InputRowError(InvalidInputError):
    """An input cannot be used; the message names its row.

    Attributes:
        row: The number of the row, from 1; in a JSONL or CSV file the line number.
        report: The report of the run at that point; None if nothing was sent.
    """

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row
        self.report: RunReport | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """One input.

    Attributes:
        row: Where it stands; see `InputRowError.row`.
        id: What its record is called.
        value: What the runnable is given.
    """

    row: int
    id: str | int
    value: Any

    def hash(self) -> str | None:
        """Return what tells it from other inputs; None if it holds something that is no data."""
        try:
            return hash_of(self.value)
        except (TypeError, ValueError):
            return None


class InputReader:
    """Yields the inputs of a run.

    Args:
        inputs: An iterable, or the path of a file.
        identifier: The column of the ids, or a function of the row. Without it a row's column
            ``id`` counts, and a hash of the input where there is none.
        column: The column of the inputs, or a function of the row.

    Raises:
        InvalidInputError: The inputs are neither, or the file is of another kind.
    """

    def __init__(self, inputs: Inputs, identifier: Column | None, column: Column) -> None:
        self._path = Path(inputs) if isinstance(inputs, str | Path) else None
        self._inputs: Iterable[Row] = () if isinstance(inputs, str | Path) else inputs
        self._id = identifier
        self._column = column
        if self._path is not None:
            _check_file(self._path)
        elif not _is_iterable_of_rows(inputs):
            raise InvalidInputError(
                f"inputs is a {type(inputs).__name__}: give an iterable of rows, such as a list "
                "(of a data frame: frame.to_dict('records')), or the path of a .jsonl, .csv or "
                ".parquet file."
            )

    @property
    def is_repeatable(self) -> bool:
        """Whether the inputs can be read twice, so that all are checked before any is sent."""
        return self._path is not None or isinstance(self._inputs, Sized)

    def where(self, row: int) -> str:
        """Return how an error names a row."""
        if self._path is None:
            return f"input {row}"
        kind = "row" if _kind(self._path) == ".parquet" else "line"
        return f"{self._path}, {kind} {row}"

    def __iter__(self) -> Iterator[Input]:
        for number, row in self._rows():
            value = self._value(number, row)
            yield Input(number, self._identify(number, row, value), value)

    def check_id(self, one: Input, ids: Identifiers) -> None:
        """Note the id of an input.

        Raises:
            InputRowError: An earlier one has it.
        """
        earlier = ids.add(one.id, one.row)
        if earlier is not None:
            raise self.error(one.row, f"its id {one.id!r} is that of {self.where(earlier)}, too.")

    def error(self, row: int, problem: str) -> InputRowError:
        """Return the error for a row."""
        return InputRowError(f"{self.where(row)}: {problem}", row)

    def _rows(self) -> Iterator[tuple[int, Row]]:
        if self._path is None:
            return enumerate(self._inputs, start=1)
        if _kind(self._path) == ".csv":
            return self._read_csv(self._path)
        if _kind(self._path) == ".parquet":
            return self._read_parquet(self._path)
        return self._read_json_lines(self._path)

    def _read_json_lines(self, path: Path) -> Iterator[tuple[int, Row]]:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    yield number, json.loads(line.decode("utf-8-sig"))
                except UnicodeDecodeError as error:
                    raise self.error(number, f"{_NOT_UTF_8}: {error}.") from None
                except (ValueError, RecursionError) as error:
                    raise self.error(number, f"this line is not JSON: {error}.") from None

    def _read_csv(self, path: Path) -> Iterator[tuple[int, Row]]:
        # Python's own limit is 131,072 characters, which prompts exceed.
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CSV_FIELD))
        with path.open("rb") as file:
            # Line by line, so that an error of the encoding is in the right one.
            lines = (line.decode("utf-8-sig") for line in file)
            reader = csv.DictReader(lines, strict=True)
            try:
                for row in reader:
                    if None in row:
                        problem = "it has more values than the first line has columns."
                        raise self.error(reader.line_num, problem)
                    yield reader.line_num, row
            except UnicodeDecodeError as error:
                raise self.error(reader.line_num + 1, f"{_NOT_UTF_8}: {error}.") from None
            except csv.Error as error:
                raise self.error(reader.line_num + 1, f"this is not CSV: {error}.") from None

    def _read_parquet(self, path: Path) -> Iterator[tuple[int, Row]]:
        try:
            from pyarrow import ArrowException  # noqa: PLC0415 - an extra
            from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MissingExtraError("A Parquet file", "pyarrow", "batch") from error
        number = 0
        try:
            with ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=1000):
                    for row in batch.to_pylist():
                        number += 1
                        yield number, row
        except (ArrowException, OSError) as error:
            raise self.error(number + 1, f"this is not Parquet: {error}") from None

    def _value(self, number: int, row: Row) -> object:
        value = self._cell(number, row, self._column, "input")
        if value is None or (isinstance(value, str) and not value.strip()) or value in ([], ()):
            raise self.error(number, "the input is empty.")
        if isinstance(value, float) and math.isnan(value):  # what a data frame has for nothing
            raise self.error(number, "the input is empty.")
        return [value] if isinstance(value, BaseMessage) else value

    def _identify(self, number: int, row: Row, value: object) -> str | int:
        column = self._id
        if column is None and isinstance(row, Mapping) and row.get("id") is not None:
            column = "id"
        if column is None:
            try:
                return hash_of(value)
            except (TypeError, ValueError) as error:
                raise self.error(
                    number, f"no id can be made of this input ({error}). Give ids with id=."
                ) from None
        found = self._cell(number, row, column, "id")
        if isinstance(found, int) and not isinstance(found, bool):
            return found
        if found is None or isinstance(found, bool | float | Mapping | list) or not str(found):
            raise self.error(number, f"{found!r} cannot be an id: give a text or a whole number.")
        try:
            str(found).encode()
        except UnicodeEncodeError:
            raise self.error(
                number, f"{found!r} cannot be an id: it holds half a character."
            ) from None
        return str(found)

    def _cell(self, number: int, row: Row, column: Column, argument: str) -> object:
        """Return what a column of a row holds, or what the function makes of the row."""
        if callable(column):
            try:
                value: object = column(row)
            except Exception as error:
                problem = f"the function {argument}= failed on it: {type(error).__name__}: {error}"
                raise self.error(number, problem) from error
            return value
        if isinstance(row, Mapping):
            if column in row:
                return row[column]
            if argument == "input" and {"role", "content"} <= row.keys():
                return [row]
            columns = ", ".join(map(str, row)) or "none"
            problem = (
                f"there is no column {column!r} (columns: {columns}). Name it: {argument}=, or "
                f"--{argument} on the command line."
            )
            raise self.error(number, problem)
        if argument == "input" and isinstance(row, str | BaseMessage | PromptValue | list | tuple):
            if isinstance(row, list) and any(map(_is_other_row, row)):
                raise self.error(number, "a list is the messages of one input; these are rows.")
            return row
        kind = type(row).__name__
        problem = f"a {kind} has no columns: give {argument}= as a function of the row."
        raise self.error(number, problem)


def _is_iterable_of_rows(inputs: object) -> bool:
    """Whether something is one, and not a single row or a data frame, which iterate over names."""
    single = isinstance(inputs, Mapping | BaseMessage | PromptValue) or hasattr(inputs, "columns")
    return isinstance(inputs, Iterable) and not single


def _is_other_row(item: object) -> bool:
    """Whether an item of a list is no message but has columns."""
    return isinstance(item, Mapping) and not {"role", "type"} & item.keys()


def _kind(path: Path) -> str:
    return path.suffix.lower()


def _check_file(path: Path) -> None:
    if _kind(path) not in {".jsonl", ".ndjson", ".csv", ".parquet"}:
        raise InvalidInputError(
            f"{path} cannot be read as inputs: its name must end in .jsonl, .csv or .parquet. "
            "Single prompts are given as a list."
        )
    if not path.is_file():
        raise InvalidInputError(f"{path} is not there.")
