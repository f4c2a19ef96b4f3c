-- Takes all pods away; the tables keep the position.
obj.spec.paused = true
return obj
