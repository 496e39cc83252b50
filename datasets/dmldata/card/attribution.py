"""License and credits of a dataset: LICENSE, CREDITS.md and CITATION.cff."""

from __future__ import annotations

import yaml

from dmldata.card.licenses import license_name, license_url
from dmldata.card.markdown import as_markdown, one_paragraph
from dmldata.contract.manifest import Credit, Manifest

PAPER = {
    "type": "conference-paper",
    "title": "Do Different Deep Metric Learning Losses Lead to Similar Learned Features?",
    "authors": [
        {"family-names": "Kobs", "given-names": "Konstantin"},
        {"family-names": "Steininger", "given-names": "Michael"},
        {"family-names": "Dulny", "given-names": "Andrzej"},
        {"family-names": "Hotho", "given-names": "Andreas"},
    ],
    "year": 2021,
    "collection-title": "ICCV 2021",
    "url": "https://arxiv.org/abs/2205.02698",
}
"""The paper whose protocol the datasets are made for."""


def license_text(manifest: Manifest) -> str:
    """Return LICENSE: name and address of the license, and the lines to keep for attribution."""
    spdx = manifest.license
    lines = [
        f"{manifest.name} {manifest.version}, by {one_paragraph(manifest.creator)}",
        "",
        f"This dataset is licensed under {license_name(spdx)} ({spdx}).",
        f"The license: {license_url(spdx)}",
    ]
    if manifest.credits:
        lines += [
            "",
            "It shows works of others, under their own licenses. Keep these lines with it:",
        ]
        lines += [f"- {_attribution(credit)}" for credit in manifest.credits]
    return "\n".join(lines) + "\n"


def credits_text(manifest: Manifest) -> str:
    """Return CREDITS.md: every work that the pictures show."""
    parts = [f"# Credits of {manifest.name} {manifest.version}"]
    if not manifest.credits:
        parts.append("Nothing in the pictures was made by others.")
    for credit in manifest.credits:
        fields = {
            "author": credit.author,
            "license": f"{credit.license}, {credit.license_url}",
            "source": credit.source,
            "changes": credit.changes or "none",
        }
        lines = [f"- id: `{credit.id}`", *(f"- {k}: {as_markdown(v)}" for k, v in fields.items())]
        parts.append(f"## {as_markdown(credit.title)}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def citation_text(manifest: Manifest) -> str:
    """Return CITATION.cff, in Citation File Format 1.2.0."""
    document = {
        "cff-version": "1.2.0",
        "message": "If you use this dataset, please cite it and the paper it was made for.",
        "type": "dataset",
        "title": manifest.name,
        "version": manifest.version,
        "authors": [{"name": manifest.creator}],
        "license": manifest.license,
        **({"url": manifest.url} if manifest.url else {}),
        **({"date-released": manifest.date} if manifest.date else {}),
        "identifiers": [
            {
                "type": "other",
                "value": manifest.fingerprint,
                "description": "fingerprint of the dataset's content",
            }
        ],
        "references": [PAPER],
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _attribution(credit: Credit) -> str:
    changes = f"; changes: {credit.changes}" if credit.changes else ""
    return one_paragraph(
        f'"{credit.title}" by {credit.author} ({credit.source}), '
        f"{credit.license} ({credit.license_url}){changes}"
    )
