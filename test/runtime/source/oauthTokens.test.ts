/** When a token is fetched: once for all, again before it expires, and never one that is of no use any more. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
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
