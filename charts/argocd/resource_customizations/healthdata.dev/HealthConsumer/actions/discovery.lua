-- What a person may ask for in Argo CD: of pause and resume the one that changes anything.
local paused = obj.spec.paused == true
return {
  pause = { disabled = paused, iconClass = "fa fa-fw fa-pause-circle" },
  resume = { disabled = not paused, iconClass = "fa fa-fw fa-play-circle" },
  restart = { disabled = paused, iconClass = "fa fa-fw fa-redo" },
}
