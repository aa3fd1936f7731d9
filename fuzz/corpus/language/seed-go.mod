	module x
require (
	a.b/c v1.0.0
)
replace a.b/c => d.e/f v2.0.0
