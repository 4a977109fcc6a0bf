"""The commands, a module for each kind: imported only when one of them is typed."""
