#!/usr/bin/env node
/** The command `kubectl-healthconsumer`, which kubectl runs as `kubectl healthconsumer`. */
import { runProcess } from '../process.ts'
import { runPlugin } from './program.ts'

await runProcess(runPlugin)
