/** The JSON of the Frontend and Backend API. `contract.test.ts` says where each shape is published. */
import { signJwt, type Instance } from './instance.ts'
import type { Client, Session, User, World } from './world.ts'

/** Clerk's session tokens live for a minute. */
const TOKEN_LIFETIME_SECONDS = 60

export interface TokenDetails {
  /** `azp`: the page's origin; left out when there is none. */
  origin: string | null
  /** ms since 1970. */
  now: number
}

/** Session token version 2. */
export function sessionToken(instance: Instance, session: Session, { origin, now }: TokenDetails): string {
  const iat = Math.floor(now / 1000)
  return signJwt(
    {
      ...(origin ? { azp: origin } : {}),
      exp: iat + TOKEN_LIFETIME_SECONDS,
      fva: [0, -1],
      iat,
      iss: instance.issuer,
      jti: crypto.randomUUID().replaceAll('-', '').slice(0, 20),
      nbf: iat - 10,
      sid: session.id,
      sub: session.userId,
      sts: session.status === 'pending' ? 'pending' : 'active',
      v: 2,
      ...(session.orgId ? { o: { id: session.orgId, rol: 'member', slg: session.orgId } } : {}),
      ...(session.actor ? { act: session.actor } : {}),
    },
    instance,
  )
}

export interface Shaper {
  world: World
  tokenOf: (session: Session) => string
}

/** The browser as the Frontend API tells of it. */
export function clientJson(client: Client, { world, tokenOf }: Shaper) {
  return {
    object: 'client',
    id: client.id,
    sessions: world.activeSessions(client).map((session) => frontendSession(session, { world, tokenOf })),
    sign_in: null,
    sign_up: null,
    last_active_session_id: client.lastActiveSessionId,
    cookie_expires_at: null,
    captcha_bypass: true,
    created_at: client.createdAt,
    updated_at: client.createdAt,
  }
}

/** What both APIs and the webhooks say of a session. */
export function sessionJson(session: Session) {
  return {
    object: 'session',
    id: session.id,
    user_id: session.userId,
    client_id: session.clientId,
    actor: session.actor,
    status: session.status,
    last_active_organization_id: session.orgId,
    last_active_at: session.lastActiveAt,
    latest_activity: {
      object: 'session_activity',
      id: `sess_activity_${session.id.slice('sess_'.length)}`,
      device_type: session.device.type,
      is_mobile: session.device.isMobile,
      browser_name: session.device.browser,
      browser_version: '140.0',
      ip_address: session.device.ip,
      city: session.device.city,
      country: session.device.country,
    },
    expire_at: session.expireAt,
    abandon_at: session.abandonAt,
    updated_at: session.updatedAt,
    created_at: session.createdAt,
  }
}

export function frontendSession(session: Session, { world, tokenOf }: Shaper) {
  const user = world.users.get(session.userId)
  return {
    ...sessionJson(session),
    last_active_token: { object: 'token', jwt: tokenOf(session) },
    tasks: [],
    factor_verification_age: [0, -1],
    user: user ? userJson(user) : null,
    public_user_data: {
      first_name: user?.firstName ?? null,
      last_name: user?.lastName ?? null,
      image_url: '',
      has_image: false,
      identifier: user?.email ?? session.userId,
      user_id: session.userId,
    },
  }
}

export function userJson(user: User) {
  const emailId = `idn_${user.id.slice('user_'.length)}`
  return {
    object: 'user',
    id: user.id,
    first_name: user.firstName,
    last_name: user.lastName,
    username: null,
    image_url: '',
    has_image: false,
    primary_email_address_id: emailId,
    primary_phone_number_id: null,
    primary_web3_wallet_id: null,
    email_addresses: [
      {
        object: 'email_address',
        id: emailId,
        email_address: user.email,
        reserved: false,
        verification: { status: 'verified', strategy: 'ticket' },
        linked_to: [],
      },
    ],
    phone_numbers: [],
    web3_wallets: [],
    external_accounts: [],
    enterprise_accounts: [],
    passkeys: [],
    organization_memberships: user.organisations.map((organisation) => membershipJson(organisation, user)),
    public_metadata: {},
    private_metadata: {},
    unsafe_metadata: {},
    password_enabled: false,
    two_factor_enabled: false,
    totp_enabled: false,
    backup_code_enabled: false,
    banned: user.banned,
    locked: false,
    created_at: user.createdAt,
    updated_at: user.createdAt,
    last_sign_in_at: user.createdAt,
    last_active_at: user.createdAt,
  }
}

function membershipJson({ id, name, slug, role }: User['organisations'][number], user: User) {
  return {
    object: 'organization_membership',
    id: `orgmem_${id.slice('org_'.length)}${user.id.slice('user_'.length)}`,
    role,
    role_name: role,
    permissions: [],
    public_metadata: {},
    organization: {
      object: 'organization',
      id,
      name,
      slug,
      image_url: '',
      has_image: false,
      members_count: 1,
      public_metadata: {},
      admin_delete_enabled: true,
      created_at: user.createdAt,
      updated_at: user.createdAt,
    },
    created_at: user.createdAt,
    updated_at: user.createdAt,
  }
}

/** A finished sign-in. */
export function signInJson(session: Session, identifier: string) {
  return {
    object: 'sign_in',
    id: `sia_${session.id.slice('sess_'.length)}`,
    status: 'complete',
    identifier,
    created_session_id: session.id,
    supported_identifiers: [],
    supported_first_factors: null,
    supported_second_factors: null,
    first_factor_verification: null,
    second_factor_verification: null,
    user_data: null,
    abandon_at: session.createdAt,
  }
}

/** As bare as clerk-js accepts it: nothing but tickets to sign in with. */
export function environmentJson(applicationName: string) {
  return {
    auth_config: {
      object: 'auth_config',
      id: 'aconf_localstandin',
      single_session_mode: false,
      claimed_at: null,
      reverification: false,
      preferred_channels: null,
    },
    display_config: {
      object: 'display_config',
      id: 'display_config_localstandin',
      instance_environment_type: 'development',
      application_name: applicationName,
      home_url: '/',
      sign_in_url: '/sign-in',
      sign_up_url: '/sign-up',
      user_profile_url: '/user',
      after_sign_in_url: '/',
      after_sign_up_url: '/',
      after_sign_out_all_url: '/',
      after_sign_out_one_url: '/',
      after_switch_session_url: '/',
      branded: false,
      theme: {},
      captcha_public_key: null,
      captcha_widget_type: null,
      captcha_provider: null,
      preferred_sign_in_strategy: 'password',
    },
    user_settings: {
      attributes: {},
      social: {},
      saml: { enabled: false },
      sign_in: { second_factor: { required: false } },
      sign_up: { mode: 'public', captcha_enabled: false, progressive: true },
      restrictions: {},
      actions: {},
      password_settings: {},
      passkey_settings: {},
      username_settings: {},
    },
    organization_settings: { enabled: true, max_allowed_memberships: 5, actions: {}, domains: {} },
    maintenance_mode: false,
    client_debug_mode: false,
    partitioned_cookies: false,
  }
}

/** Clerk's errors, on both APIs. */
export function clerkError(code: string, message: string) {
  return { errors: [{ code, message, long_message: message, meta: {} }], clerk_trace_id: 'stand-in' }
}
