"""The questions dlcalc answers, a module each: arguments in, `Result` out."""
