{{/* One release in a namespace, and one name for what it makes. */}}
{{- define "healthconsumer-operator.name" -}}healthconsumer-operator{{- end }}

{{/* Never to change: a Deployment's selector is immutable. */}}
{{- define "healthconsumer-operator.selector" -}}
app.kubernetes.io/name: {{ include "healthconsumer-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{/* Of one object: what the user adds to it counts before `commonLabels`, and neither replaces what the chart selects by.
     Called with the root and what is added. */}}
{{- define "healthconsumer-operator.labelsWith" -}}
{{- $root := index . 0 }}
{{- $own := dict
  "app.kubernetes.io/name" (include "healthconsumer-operator.name" $root)
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/component" "operator"
  "app.kubernetes.io/version" ($root.Chart.AppVersion | replace "+" "_")
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_")) }}
{{- merge $own (index . 1 | default dict) ($root.Values.commonLabels | default dict) | toYaml }}
{{- end }}

{{- define "healthconsumer-operator.labels" -}}
{{- include "healthconsumer-operator.labelsWith" (list . dict) }}
{{- end }}

{{- define "healthconsumer-operator.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}
