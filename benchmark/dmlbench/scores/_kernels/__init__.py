"""Counting and ranking nearest neighbors, block by block (protocol section 3).

Two ways lead from distances to scores. Counting hits is fast and gives every score but MAP@R:
`neighbor_counts` -> `counted_means`. Ranking gives all scores, and those without each jackknife
group and of permuted labels from the same sort: `neighbor_ranks` -> `ranked_sums` ->
`ranked_means`. Both take distances and the tolerance of ties from `distances`, equations from
`formulas` and threads from `parallel`. `distance_correlation` compares distances in the embedding
with distances in a property. `compiled` holds the inner loops of all of these for numba, `products`
the matrix products; each caller has the same in NumPy beside it, which tests compare.
"""
