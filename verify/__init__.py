"""The theory of the STRO paper, statement by statement, checked on finite MDPs."""
