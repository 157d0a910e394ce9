// Demands that are not met, or that no test holds yet, each with its reason. An entry fails the tests once a test cites
// its id. One line each, so that whoever meets one takes off exactly that line.

const noOauth = 'Credentials are API keys; OAuth is neither offered nor used yet.';

export const unmet: Record<string, string> = {
  'N-AUTH-01': noOauth,
  'N-AUTH-03': noOauth,
  'N-AUTH-07': noOauth,
  'N-AUTH-08': noOauth,
  'N-AUTH-09': noOauth,
  'N-AUTH-10': noOauth,
  'N-AUTH-11': noOauth,
  'N-AUTH-12': noOauth,
  'N-AUTH-13': noOauth,
  'F-HTTP-06': noOauth,
  'F-HUB-05': 'There are no plugins yet.',
};
