// Demands that are not met, or that no test holds yet, each with its reason. An entry fails the tests once a test cites
// its id. One line each, so that whoever meets one takes off exactly that line.

export const unmet: Record<string, string> = {
  'F-HUB-05': 'There are no plugins yet.',
};
