"""Reads a Python file and tells its figures."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figures:
    """What a source file is made of; lengths in lines."""

    lines: int
    code_lines: int
    functions: int
    classes: int
    imports: int
    longest_function: int
    longest_function_name: str


def analyze(path: str) -> Figures:
    """Parse and tokenize a file; raises SyntaxError or UnicodeDecodeError for a broken one."""
    with tokenize.open(Path(path)) as file:
        text = file.read()
    tree = ast.parse(text, filename=path)
    functions = [
        (node.end_lineno - node.lineno + 1, node.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]
    longest, name = max(functions, default=(0, ""))
    return Figures(
        lines=text.count("\n") + (not text.endswith("\n") and bool(text)),
        code_lines=_code_lines(text),
        functions=len(functions),
        classes=sum(isinstance(node, ast.ClassDef) for node in ast.walk(tree)),
        imports=sum(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree)),
        longest_function=longest,
        longest_function_name=name,
    )


def _code_lines(text: str) -> int:
    """Lines that hold more than comments and blanks."""
    empty = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return len(
        {
            line
            for token in tokens
            if token.type not in empty
            for line in range(token.start[0], token.end[0] + 1)
        }
    )
