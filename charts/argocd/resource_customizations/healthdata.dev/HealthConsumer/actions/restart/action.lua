-- Starts the pods again, one after the other.
local os = require("os")
obj.spec.restartedAt = os.date("!%Y-%m-%dT%XZ")
return obj
