// An OpenID Connect provider on loopback for tests: oidc-provider, with a login page that asks for a name only.
// Accounts and their claims are read from a file at every login, so that a test can change groups.
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const { ISSUER, PORT, ACCOUNTS, KEYS, REDIRECT_URIS, SIGNED_OUT_URIS, CLIENT_ID, CLIENT_SECRET,
  BACK_CHANNEL_LOGOUT_URI } = process.env;
const account = (name) => JSON.parse(readFileSync(ACCOUNTS, 'utf8'))[name];

const provider = new Provider(ISSUER, {
  clients: [{
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    redirect_uris: JSON.parse(REDIRECT_URIS),
    post_logout_redirect_uris: JSON.parse(SIGNED_OUT_URIS),
    require_auth_time: true,
    backchannel_logout_uri: BACK_CHANNEL_LOGOUT_URI,
    backchannel_logout_session_required: true,
  }],
  jwks: JSON.parse(KEYS),
  cookies: { keys: ['only-for-tests'] },
  conformIdTokenClaims: false,
  claims: { openid: ['sub', 'acr', 'amr', 'auth_time', 'preferred_username', 'groups', 'given_name', 'family_name',
    'email', 'email_verified'] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true } },
  // Without its guard against private addresses: the product is on loopback here.
  fetch: (address, { dispatcher, ...options }) => globalThis.fetch(address, options),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (ctx, name) => {
    const found = account(name);
    return found && { accountId: name, claims: () => ({ sub: name, ...found.claims }) };
  },
  // The bank's own applications need no consent.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid profile email');
    await grant.save();
    return grant;
  },
});

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  if (ctx.method === 'GET') {
    ctx.type = 'html';
    ctx.body = '<!doctype html><title>Bank login</title><h1>Bank login</h1><form method="post">'
      + '<label>Name <input name="login" autofocus></label><button>Continue</button></form>';
    return undefined;
  }
  let body = '';
  for await (const chunk of ctx.req) body += chunk;
  const name = new URLSearchParams(body).get('login');
  const { amr, acr } = account(name) ?? {};
  await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: name, amr, acr } });
  ctx.respond = false;
  return undefined;
});

provider.listen(Number(PORT), '127.0.0.1', () => console.log('ready'));
provider.on('backchannel.error', (ctx, error) => console.error('no back-channel logout:', error));
