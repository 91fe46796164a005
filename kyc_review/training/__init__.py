"""Jobs of the training worker (runs, comparisons, mean faces), and proposals that follow from comparisons."""
