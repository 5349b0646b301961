"""Read delivered CSV text in any encoding and layout, so that no record takes another's cells."""

from __future__ import annotations

from tiktok_pipeline.delivery.tables import ByteSource, DeliveredTable, KnowsName


def open_csv(
    source: ByteSource,
    *,
    name: str,
    compression: str = "",
    member: str = "",
    knows: KnowsName | None = None,
) -> DeliveredTable:
    """Return the table of a CSV, TSV or other delimited text.

    Parameters
    ----------
    source : callable
        Opens the unpacked bytes; called several times.
    name : str
        The file for messages.
    compression, member : str
        For the layout, see `tiktok_pipeline.delivery.tables.Layout`.
    knows : callable, optional
        Whether a text is a column name that some dialect knows; helps to find the header.

    Returns
    -------
    DeliveredTable
        Its ``plain_format`` is "csv" where the engine can read the bytes as they are.

    Raises
    ------
    UnreadableFileError
        If the text has no header, no rows, or no encoding can be found.
    """
    raise NotImplementedError(name, source, compression, member, knows)
