"""Say how alike the maps and the embeddings of models are, between floor and ceiling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dmlbench.comparison import Comparison, Pair
from dmlbench.comparison.representations import RepresentationPair
from dmlbench.present.difference_sentences import listed, scores_of_models, with_interval
from dmlbench.present.numbers import interval, number, range_text, telling_digits

NEAR = 0.25
"""Share of the way from floor to ceiling: an interval within it of an end is near that end."""
_READINGS = {
    "floor": "no more alike than maps of different images",
    "near floor": "hardly more alike than maps of different images",
    "between": "more alike than maps of different images, but less than their own noise allows",
    "near ceiling": "nearly as alike as their own noise allows",
    "ceiling": "as alike as their own noise allows",
    "unsure": "perhaps more alike than maps of different images, which these images do not show",
    "above floor": "more alike than maps of different images",
}


def reading_of(pair: Pair) -> str | None:
    """Return where the correlation of a pair lies between floor and ceiling: a key of `_READINGS`.

    The distances to floor and ceiling have paired intervals. Where one has none (the floor has none
    of fewer than 40 images), that of the correlation itself takes its place.

    Returns:
        None where the correlation, its interval or the floor is not known.
    """
    r, floor, ceiling = pair.correlation, pair.floor.value, pair.ceiling.value
    if r.ci95 is None or floor is None or (ceiling is not None and ceiling <= floor):
        return None
    # Maps without noise have no ceiling but 1, which says nothing of what they could agree to.
    near = NEAR * ((1.0 if ceiling is None else ceiling) - floor)
    above = pair.above_floor.ci95 or (r.ci95[0] - floor, r.ci95[1] - floor)
    if above[0] <= 0:
        return "floor" if above[1] <= near else "unsure"
    if above[1] <= near:
        return "near floor"
    if ceiling is None:
        return "above floor"
    below = pair.below_ceiling.ci95 or (ceiling - r.ci95[1], ceiling - r.ci95[0])
    if below[1] <= near:
        return "ceiling" if below[0] <= 0 else "near ceiling"
    return "above floor" if below[0] <= 0 else "between"


def how_maps_agree(comparison: Comparison) -> Iterator[str]:
    """Yield how alike the saliency maps of models are, and which lie more on the car."""
    pairs = comparison.saliency.pairs if comparison.saliency else ()
    known = [pair for pair in pairs if pair.correlation.mean is not None]
    if len(known) == 1:
        yield _of_two(comparison, known[0])
    elif known:
        yield _of_many(comparison, known)
    yield from _attention(comparison)


def _of_two(comparison: Comparison, pair: Pair) -> str:
    assert comparison.saliency is not None
    names = f"{comparison.label(pair.a)} and {comparison.label(pair.b)}"
    r = with_interval(pair.correlation.mean, pair.correlation.ci95)
    images = len(comparison.saliency.keys)
    ceiling = pair.ceiling.value
    noise = (
        "a ceiling is not known"
        if ceiling is None
        else f"the maps' own noise allows {number(ceiling, 2)} (ceiling)"
    )
    bounds = f"maps of different images give {number(pair.floor.value, 2)} (floor), {noise}"
    reading = reading_of(pair)
    if reading is None:
        return f"Saliency maps of {names} correlate with r = {r} over {images} images; {bounds}."
    return (
        f"Saliency maps of {names} are {_READINGS[reading]}: r = {r} over {images} images; "
        f"{bounds}."
    )


def _of_many(comparison: Comparison, known: list[Pair]) -> str:
    assert comparison.saliency is not None
    images = len(comparison.saliency.keys)
    counted = Counter(filter(None, map(reading_of, known)))
    said = [
        f"{counted[key]} of {len(known)} pairs of models ha{'s' if counted[key] == 1 else 've'} "
        f"maps {reading}"
        for key, reading in _READINGS.items()
        if counted[key]
    ]
    most, least = (
        choose(known, key=lambda pair: pair.correlation.mean or 0.0) for choose in (max, min)
    )
    ends = " and ".join(
        f"{word} alike are those of {comparison.label(pair.a)} and {comparison.label(pair.b)} (r = "
        f"{number(pair.correlation.mean, 2)}, {interval(pair.correlation.ci95, 2)})"
        for word, pair in (("most", most), ("least", least))
    )
    floors = range_text(pair.floor.value for pair in known)
    ceilings = [pair.ceiling.value for pair in known if pair.ceiling.value is not None]
    noise = f"the maps' own noise allows {range_text(ceilings)} (ceiling)"
    return (
        f"Saliency maps over {images} images: {'; '.join(said) or 'how sure is not known'}. "
        f"Maps of different images give {floors} (floor), "
        f"{noise if ceilings else 'a ceiling is not known'}; {ends}."
    )


def _attention(comparison: Comparison) -> Iterator[str]:
    saliency = comparison.saliency
    means = saliency.attention_on_car if saliency else {}
    if not (named := scores_of_models(comparison, means)):
        return
    reading = "0 is as much as its area, 1 is all of it"
    pair = saliency.pairs[0] if saliency and len(saliency.pairs) == 1 else None
    if pair is None or pair.more_on_car.value is None or pair.more_on_car.ci95 is None:
        yield f"Attention on the car ({reading}): {named}."
        return
    difference, (low, high) = pair.more_on_car.value, pair.more_on_car.ci95
    more = comparison.label(pair.a if difference > 0 else pair.b)
    if difference < 0:
        difference, low, high = -difference, -high, -low
    digits = telling_digits((difference, low, high), 2)
    size = f"{number(difference, digits)} (paired 95 % interval {interval((low, high), digits)})"
    if low > 0:
        yield f"Maps of {more} lie more on the car, by {size}: {named}; {reading}."
    else:
        yield (
            f"Which maps lie more on the car is not distinguishable, as their difference, {size}, "
            f"may be 0: {named}; {reading}."
        )


def how_embeddings_agree(comparison: Comparison) -> Iterator[str]:
    """Yield whether the same images are near each other in the embeddings of models (RSA)."""
    known = [pair for pair in comparison.representations if pair.rsa.value is not None]
    if len(known) == 1:
        yield _of_two_embeddings(comparison, known[0])
    elif known:
        yield (
            "Which images are near each other agrees between models (RSA; 1 is the same, "
            f"{range_text(pair.rsa.floor for pair in known)} that of shuffled images) by "
            f"{range_text(pair.rsa.value for pair in known)} over {len(known)} pairs."
        )


def _of_two_embeddings(comparison: Comparison, pair: RepresentationPair) -> str:
    names = listed([comparison.label(model) for model in (pair.a, pair.b)])
    rsa = pair.rsa
    shown = f"RSA {with_interval(rsa.value, rsa.ci95)}, where 1 is the same"
    shown += "" if rsa.floor is None else f" and shuffled images give {number(rsa.floor, 2)}"
    if rsa.ci95 is not None and rsa.floor is not None and rsa.ci95[0] <= rsa.floor:
        return (
            f"It is open whether {names} agree at all on which images are near each other: {shown}."
        )
    return f"How far {names} agree on which images are near each other: {shown}."
