"""What each part of the evidence network's training is worth on a source left out, and what others reach there.

`python -m training.comparison.left_out --data DATA --write` trains them all, resumably, and writes the page
docs/explanation/ablation.md.
"""
