import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { changed, elsewhere, hrefOf, placeOf, sessionsOf } from './place.ts'

describe('an address', () => {
  it('says page, filters, range, zone and the open session', () => {
    const place = placeOf('/dashboard/sessions', '?tz=UTC&reason=expired&range=7d&session=sess_1')

    assert.deepEqual(place, {
      page: 'sessions',
      params: { tz: 'UTC', reason: 'expired', range: '7d', session: 'sess_1' },
    })
  })

  it('is the same for the same place, whatever the order of its names', () => {
    const address = '/dashboard/sessions?tz=UTC&q=user_1&session=sess_1'

    assert.equal(hrefOf(placeOf('/dashboard/sessions', '?session=sess_1&tz=UTC&q=user_1')), address)
  })

  it('is read without what the page does not know, or is empty', () => {
    assert.deepEqual(placeOf('/dashboard', '?key=secret&range=&org_id=org_1').params, { org_id: 'org_1' })
  })

  it('of no page is that of the overview', () => {
    assert.equal(placeOf('/dashboard/nowhere', '').page, 'overview')
    assert.equal(hrefOf(placeOf('/dashboard/nowhere', '')), '/dashboard')
  })

  it('survives every character', () => {
    const place = { page: 'sessions', params: { q: 'a&b=c #% +é' } } as const

    assert.deepEqual(placeOf('/dashboard/sessions', new URL(hrefOf(place), 'http://x').search), place)
  })
})

describe('a change of place', () => {
  const place = placeOf('/dashboard/sessions', '?tz=UTC&reason=expired')

  it('sets, and takes away what is null or empty', () => {
    assert.equal(
      hrefOf(changed(place, { reason: null, state: '', q: 'org_1' })),
      '/dashboard/sessions?tz=UTC&q=org_1',
    )
  })

  it('to another page keeps the time zone alone', () => {
    assert.equal(hrefOf(elsewhere(place, 'live')), '/dashboard/live?tz=UTC')
    assert.equal(hrefOf(elsewhere(place, 'overview', { range: '7d' })), '/dashboard?tz=UTC&range=7d')
  })

  it('from a figure of an organisation leads to the sessions of that organisation', () => {
    const ofOrg = placeOf('/dashboard', '?org_id=org_1&range=90d')
    assert.equal(hrefOf(sessionsOf(ofOrg, { state: 'open' })), '/dashboard/sessions?state=open&org_id=org_1')
    assert.equal(
      hrefOf(sessionsOf(placeOf('/dashboard', ''), { state: 'open' })),
      '/dashboard/sessions?state=open',
    )
  })
})
