"""Why mixes differ: where their networks look, what they say of twins, how far apart colours are."""
