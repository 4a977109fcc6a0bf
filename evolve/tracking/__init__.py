"""Where users already look: each tracker is told of a search by a process of its own (see ``feed``)."""
