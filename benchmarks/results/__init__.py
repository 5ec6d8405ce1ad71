"""What figures are held against, and how they are shown: targets, tables, plots."""
