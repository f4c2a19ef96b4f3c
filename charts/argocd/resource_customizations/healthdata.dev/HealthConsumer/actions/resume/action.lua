-- Goes on from where the tables stand. Without the field, as a spec has it that was never paused.
obj.spec.paused = nil
return obj
