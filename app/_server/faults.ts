// Real causes go to the log under the request id; callers get the text of the error table.
import { asDatabaseFault } from '@/lib/db';
import { asHubError, type HubError } from '@/lib/errors';
import { log } from './hub';

/** What a surface may show of `error`; logs what it hides. */
export function shownFault(error: unknown, requestId: string, where: string): HubError {
  const shown = asHubError(asDatabaseFault(error));
  const { code, extras } = shown;
  const facts = { requestId, where, code, detail: extras.detail };
  if (code === 'INTERNAL') log().error({ ...facts, err: extras.cause ?? shown }, 'request failed');
  else if (code === 'UNAVAILABLE' || code === 'STORAGE_FULL') log().warn(facts, shown.message);
  else log().debug(facts, shown.message);
  return shown;
}
