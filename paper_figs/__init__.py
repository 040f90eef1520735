"""Tables and figures of the STRO paper beside ours."""
