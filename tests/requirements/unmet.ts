// Demands that are not met, or that no test holds yet, each with its reason. An entry fails the tests once a test cites
// its id. One line each, so that whoever meets one takes off exactly that line.

const noOauth = 'Credentials are API keys; OAuth is neither offered nor used yet.';

const noOauthClient = 'The hub signs in nowhere by OAuth on behalf of users, and reads no metadata of issuers.';

export const unmet: Record<string, string> = {
  'N-AUTH-09': noOauth,
  'N-AUTH-10': noOauth,
  'N-AUTH-11': noOauth,
  'N-AUTH-12': noOauth,
  'F-HTTP-06': noOauth,
  'F-HUB-05': 'There are no plugins yet.',
  'T-START-05': noOauthClient,
  'T-OAUTH-01': noOauthClient,
};
