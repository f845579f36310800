"""The ground floor: what belongs to no topic, and imports none. Argument checks, quadrature, linear recurrences."""
