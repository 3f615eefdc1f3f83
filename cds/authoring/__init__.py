"""Commands for people who write rules, one module each; `commands` registers them."""
