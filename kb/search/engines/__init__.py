"""Search engines other than our own ranking: today Whoosh, for phrases and fields."""
