"""Our own words for a chat request and its answer: what any wire format says, in frozen structs."""
