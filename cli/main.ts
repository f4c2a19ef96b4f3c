#!/usr/bin/env node
/** The process of the `healthconsumer` command. What it does is in program.ts. */
import './signals.ts' // before all else: it takes its time to load
import { runProcess } from './process.ts'
import { runProgram } from './program.ts'

await runProcess(runProgram)
