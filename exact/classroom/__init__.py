"""The classroom: a page, an animation and a live app that show why a trust region converges."""
