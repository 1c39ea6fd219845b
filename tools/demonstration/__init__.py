"""The programs that ``tools/demo`` starts as separate processes."""
