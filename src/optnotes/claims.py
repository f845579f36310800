"""The claims of the book, at the name by which its chapters call them; the code is `optnotes.book.claims`."""

from optnotes.book.claims import CLAIM_MIME, TERMS, VERDICT_MIME, VERDICTS, Chapter, Claim, Verdict

__all__ = [
    "CLAIM_MIME",
    "TERMS",
    "VERDICTS",
    "VERDICT_MIME",
    "Chapter",
    "Claim",
    "Verdict",
]
