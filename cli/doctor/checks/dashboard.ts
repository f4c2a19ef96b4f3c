/** Dashboard Not Found: whether Grafana has the dashboard. Pure. API: https://grafana.com/docs/grafana/latest/developers/http_api/ */
import { z } from 'zod'
import type { Facts } from '../facts.ts'
import type { GrafanaSeen } from '../observations.ts'
import { jsonOf } from '../prometheusApi.ts'
import { type Check, defineCheck } from '../report.ts'

const dashboard = defineCheck('Dashboard Not Found', 'dashboard', 'nobody sees what is not there')

const byUid = z.object({ dashboard: z.object({ title: z.string() }) })
const byTitle = z.array(z.object({ uid: z.string(), title: z.string() }))

export const grafana = ({ grafana: seen }: Facts): readonly Check[] => [
  seen === null ? dashboard.skipped('not asked for: add --grafana') : judge(seen),
]

const importIt =
  'import what `healthconsumer generate dashboard` prints (Dashboards, New, Import), or let the sidecar load its ConfigMap'

function judge({ byUid: answer, byTitle: search, url, authenticated }: GrafanaSeen): Check {
  if (!answer.reached)
    return dashboard.problem(`${url}: ${answer.detail}`, 'correct the address after --grafana, or start Grafana')
  if (answer.status === 401 || answer.status === 403)
    return dashboard.problem(
      `${url} refuses access (${answer.status})`,
      authenticated
        ? 'give the service account of GRAFANA_TOKEN the role Viewer, or a token that has not expired'
        : 'set GRAFANA_TOKEN to the token of a service account with the role Viewer',
    )
  const found = byUid.safeParse(jsonOf(answer.body)).data
  if (answer.status === 200 && found) return dashboard.ok(`"${found.dashboard.title}" is there`)
  if (answer.status !== 404 || !search.reached)
    return dashboard.problem(
      `${answer.url} answered ${answer.status}, not as Grafana does`,
      'correct the address after --grafana',
    )
  const titled = byTitle.safeParse(jsonOf(search.body)).data
  if (titled === undefined)
    return dashboard.problem(
      `${search.url} answered ${search.status}, not as Grafana does`,
      'correct the address after --grafana',
    )
  return titled.length > 0
    ? dashboard.ok(`"${titled[0]!.title}" is there, under uid ${titled[0]!.uid}`)
    : dashboard.problem(`Grafana at ${url} does not have it`, importIt)
}
