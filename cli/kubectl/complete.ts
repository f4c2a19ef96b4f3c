#!/usr/bin/env node
/** The command `kubectl_complete-healthconsumer`, which kubectl 1.26 and newer asks what may come next. */
import { runProcess } from '../process.ts'
import { completePlugin } from './program.ts'

await runProcess(completePlugin)
