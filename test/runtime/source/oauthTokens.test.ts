/** When a token is fetched: once for all, again before it expires, and never one that is of no use any more. */
import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import type { OAuthLogin, OAuthToken } from '../../../runtime/source/oauthEndpoint.ts'
import { OAuthError } from '../../../runtime/source/oauthError.ts'
import { createOAuthTokens } from '../../../runtime/source/oauthTokens.ts'

const login: OAuthLogin = { tokenEndpoint: 'https://a', clientId: 'b', clientSecret: 'c' }

/** A server that numbers its tokens, and a clock in seconds. */
function given(lifetimeSeconds: number) {
  const world = {
    seconds: 0,
    fetched: 0,
    failure: undefined as OAuthError | undefined,
    /** What happens while a fetch is under way. */
    meanwhile: () => {},
  }
  const fetch = async ({ clientSecret }: OAuthLogin): Promise<OAuthToken> => {
    const value = `${clientSecret}${++world.fetched}`
    world.meanwhile()
    await Promise.resolve()
    if (world.failure) throw world.failure
    return { value, lifetimeMs: lifetimeSeconds * 1000 }
  }
  return { world, tokens: createOAuthTokens({ fetch, now: () => world.seconds * 1000 }) }
}

/** Time that goes by for timers too. */
function passing(world: { seconds: number }, { timers }: TestContext['mock']): (seconds: number) => Promise<void> {
  timers.enable({ apis: ['setTimeout'] })
  return async seconds => {
    world.seconds += seconds
    timers.tick(seconds * 1000)
    await new Promise(setImmediate)
  }
}

suite('tokens of OAuth', () => {
  test('one is fetched for all who ask at the same time, and kept', async () => {
    const { world, tokens } = given(300)
    assert.deepEqual(await Promise.all([tokens.current(login), tokens.current(login)]), ['c1', 'c1'])
    world.seconds = 239
    assert.equal(await tokens.current({ ...login }), 'c1')
    assert.equal(world.fetched, 1)
  })

  test('another follows when a fifth of its life is left', async () => {
    const { world, tokens } = given(300)
    await tokens.current(login)
    world.seconds = 240
    assert.equal(await tokens.current(login), 'c2')
    world.seconds = 479
    assert.equal(await tokens.current(login), 'c2')
    world.seconds = 480
    assert.equal(await tokens.current(login), 'c3')
  })

  test('and 15 s before the end at the latest, for a connection must be worth its login', async () => {
    const { world, tokens } = given(60)
    await tokens.current(login)
    world.seconds = 44
    assert.equal(await tokens.current(login), 'c1')
    world.seconds = 45
    assert.equal(await tokens.current(login), 'c2')
  })

  test('its life begins when it is asked for', async () => {
    const { world, tokens } = given(300)
    world.meanwhile = () => {
      world.seconds += 9
    }
    await tokens.current(login)
    world.seconds = 239
    assert.equal(await tokens.current(login), 'c1')
    world.seconds = 240
    assert.equal(await tokens.current(login), 'c2')
  })

  test('one whose life is not known, or too short, is not kept', async () => {
    for (const seconds of [0, 15]) {
      const { tokens } = given(seconds)
      assert.deepEqual([await tokens.current(login), await tokens.current(login)], ['c1', 'c2'])
    }
  })

  test('another login has another token, also while one is being fetched', async () => {
    const { tokens } = given(300)
    const rotated = { ...login, clientSecret: 'd' }
    const old = tokens.current(login)
    const fresh = tokens.current(rotated)
    assert.deepEqual(await Promise.all([old, fresh]), ['c1', 'd2'])
    assert.equal(await tokens.current(rotated), 'd2')
  })

  test('a failure is everyone’s who waits, and the next to ask tries again', async () => {
    const { world, tokens } = given(300)
    world.failure = new OAuthError('NO_TOKEN', 'down')
    const asked = await Promise.allSettled([tokens.current(login), tokens.current(login)])
    assert.deepEqual(
      asked.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    assert.equal(world.fetched, 1)
    world.failure = undefined
    assert.equal(await tokens.current(login), 'c2')
  })

  test('an endpoint may fail as long as the last token is good, and not deny', async () => {
    const { world, tokens } = given(300)
    await tokens.current(login)
    world.seconds = 284
    world.failure = new OAuthError('NO_TOKEN', 'down')
    assert.equal(await tokens.current(login), 'c1')
    world.failure = new OAuthError('TOKEN_DENIED', 'denied')
    await assert.rejects(tokens.current(login), { code: 'TOKEN_DENIED' })
    world.seconds = 285
    world.failure = new OAuthError('NO_TOKEN', 'down')
    await assert.rejects(tokens.current(login), { code: 'NO_TOKEN' })
  })

  test('it is renewed before anyone asks, as long as somebody does', async ({ mock }) => {
    const { world, tokens } = given(300)
    const pass = passing(world, mock)
    await tokens.current(login)
    await pass(239)
    assert.equal(world.fetched, 1)
    await pass(1)
    assert.equal(world.fetched, 2)
    await pass(50)
    assert.equal(await tokens.current(login), 'c2')
    await pass(190)
    assert.equal(world.fetched, 3)
    await pass(10_000)
    assert.equal(world.fetched, 3)
    assert.equal(await tokens.current(login), 'c4')
  })

  test('an endpoint that fails is asked again while the last token is good, and one that denies is not', async ({
    mock,
  }) => {
    const { world, tokens } = given(300)
    const pass = passing(world, mock)
    await tokens.current(login)
    world.failure = new OAuthError('NO_TOKEN', 'down')
    await pass(240)
    await pass(10)
    assert.equal(world.fetched, 3)
    world.failure = undefined
    await pass(10)
    assert.equal(await tokens.current(login), 'c4')
    world.failure = new OAuthError('NO_TOKEN', 'down')
    for (const seconds of [240, 10, 10, 10, 10, 10, 10]) await pass(seconds)
    assert.equal(world.fetched, 4 + 6)
    world.failure = undefined
    assert.equal(await tokens.current(login), 'c11')
    world.failure = new OAuthError('TOKEN_DENIED', 'denied')
    await pass(240)
    await pass(10)
    assert.equal(world.fetched, 12)
  })

  test('a token that lives for years needs no timer that long', async ({ mock }) => {
    mock.timers.enable({ apis: ['setTimeout'] })
    const { world, tokens } = given(1e9)
    await tokens.current(login)
    mock.timers.tick(2 ** 31 - 2)
    assert.equal(world.fetched, 1)
    mock.timers.tick(1)
    assert.equal(world.fetched, 2)
  })

  test('what a broker refused is not given again, whatever else was refused', async () => {
    const { tokens } = given(300)
    tokens.refused('c1')
    assert.equal(await tokens.current(login), 'c1')
    tokens.refused('another')
    assert.equal(await tokens.current(login), 'c1')
    tokens.refused('c1')
    assert.equal(await tokens.current(login), 'c2')
  })
})
