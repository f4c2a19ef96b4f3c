/**
 * What a signal does before a command says what it does: it ends the process, also where that is process 1 of a container,
 * which the kernel spares the default of every signal. It drains nothing; a command that has to listens itself.
 */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

if (process.pid === 1)
  for (const [signal, exitCode] of Object.entries(exitCodes))
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(exitCode)
    })
