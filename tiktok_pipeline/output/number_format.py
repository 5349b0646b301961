"""Format numbers for people: the report, the figures and terminal tables share these functions."""

from __future__ import annotations

import math

UNDEFINED = "\u2013"
"""Shown where a value is missing."""

MINUS = "\u2212"

_SI_PREFIXES = ((1e9, "B"), (1e6, "M"), (1e3, "k"))


def format_count(value: float | None) -> str:
    """Return a whole number with commas between thousands.

    Examples
    --------
    >>> format_count(1234567)
    '1,234,567'
    """
    return UNDEFINED if value is None else _grouped(float(value), 0)


def format_number(value: float | None, decimals: int = 2) -> str:
    """Return a number with a fixed number of decimals; one that would round to zero keeps two significant digits.

    Examples
    --------
    >>> format_number(1234.5), format_number(0.00012)
    ('1,234.50', '0.00012')
    """
    if value is None:
        return UNDEFINED
    if value and abs(value) < 0.5 * 10**-decimals:
        return f"{value:.2g}" if value > 0 else f"{MINUS}{-value:.2g}"
    return _grouped(float(value), decimals)


def format_percent(fraction: float | None, decimals: int | None = None) -> str:
    """Return a fraction as a percentage.

    Parameters
    ----------
    fraction : float or None
        1.0 is 100%.
    decimals : int, optional
        By default none from 9.95% on, one from 0.95% on, two below; what would round to zero keeps one digit.

    Examples
    --------
    >>> format_percent(0.304), format_percent(0.0123), format_percent(0.0008), format_percent(0.00003)
    ('30%', '1.2%', '0.08%', '0.003%')
    """
    if fraction is None:
        return UNDEFINED
    percentage = float(fraction) * 100.0
    if decimals is None:
        size = abs(percentage)
        decimals = 0 if size >= 9.95 else 1 if size >= 0.95 or not size else 2
        if 1e-6 <= size < 0.005:
            decimals = -math.floor(math.log10(size))
    return f"{_grouped(percentage, decimals)}%"


def format_mean(mean: float | None, std: float | None = None) -> str:
    """Return a mean with three decimals, followed by its standard deviation if there is one.

    Examples
    --------
    >>> format_mean(0.961, 0.012)
    '0.961 ± 0.012'
    """
    if mean is None or std is None:
        return format_number(mean, 3)
    return f"{format_number(mean, 3)} \u00b1 {_grouped(std, 3)}"


def format_short(value: float) -> str:
    """Return a number with three significant digits, and from 1,000 on as a whole number with commas.

    Examples
    --------
    >>> format_short(0.0512), format_short(98.76), format_short(3600.4), format_short(-1234567)
    ('0.0512', '98.8', '3,600', '−1,234,567')
    """
    if abs(value) >= 999.5:
        return format_count(value)
    text = f"{abs(value):.3g}"
    return f"{MINUS}{text}" if value < 0 and text != "0" else text


def format_si(value: float) -> str:
    """Return a number with three significant digits and k, M or B for thousands, millions and billions.

    Examples
    --------
    >>> format_si(0.05), format_si(1234567)
    ('0.05', '1.23M')
    """
    size = abs(value)
    text = f"{size:.3g}"
    for bound, letter in _SI_PREFIXES:
        if size >= bound * 0.9995:
            text = f"{size / bound:.3g}{letter}" if size < bound * 999.5 else f"{size / bound:.0f}{letter}"
            break
    return f"{MINUS}{text}" if value < 0 and text != "0" else text


def format_cell(value: float) -> str:
    """Return a number for a cell of a terminal table: thousands with commas, six significant digits or one decimal.

    Negative numbers keep the hyphen, so that they can be copied into a query.

    Examples
    --------
    >>> format_cell(1234567), format_cell(1234567.0), format_cell(1234567.25), format_cell(-0.1234567)
    ('1,234,567', '1,234,567', '1,234,567.2', '-0.123457')
    """
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.1f}".removesuffix(".0")


def _grouped(value: float, decimals: int) -> str:
    """Return a number with commas between thousands and a minus sign; a rounded zero has no sign."""
    text = f"{value:,.{decimals}f}"
    return text.replace("-", MINUS, 1) if float(f"{value:.{decimals}f}") else text.lstrip("-")
