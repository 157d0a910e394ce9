'use client';
// Tests the server as it is saved, beside the instance that runs.
import { Stethoscope } from 'lucide-react';
import { useEffect } from 'react';
import { Button } from '@/app/_ui/button';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import type { ShownServer } from '../shown-server';
import { TestOutcome } from '../test-stages';
import { useServerTest } from '../use-test';

export interface DoctorTabProps {
  server: ShownServer;
  mayTest: boolean;
  /** Somebody has asked for a test elsewhere on the page. */
  isWanted: boolean;
  onBegun: () => void;
}

export function DoctorTab({ server, mayTest, isWanted, onBegun }: DoctorTabProps) {
  const { test, error, isRunning, run, cancel } = useServerTest();
  const path = `/servers/${encodeURIComponent(server.name)}/test`;

  useEffect(() => {
    if (!isWanted) return;
    onBegun();
    run({ path });
  }, [isWanted, onBegun, run, path]);

  const what =
    server.type === 'stdio' ? 'Starts the program once more, beside what runs' : 'Connects once more, beside what runs';
  return (
    <Panel>
      <PanelHeader
        title="Doctor"
        description={`${what}, and goes through each step from the settings to the lists.`}
        actions={
          isRunning ? (
            <Button onClick={cancel}>Cancel</Button>
          ) : (
            <Button variant="primary" disabled={!mayTest} onClick={() => run({ path })}>
              <Stethoscope aria-hidden />
              {test ? 'Test again' : 'Run the test'}
            </Button>
          )
        }
      />
      {!test && !error && (
        <PanelBody className="text-table text-muted-foreground">
          {!mayTest
            ? 'You may see this server but not start it, and a test starts it.'
            : isRunning
              ? 'Beginning…'
              : 'Calls of clients are not disturbed. What the test starts is ended with it.'}
        </PanelBody>
      )}
      <TestOutcome test={test} error={error} />
    </Panel>
  );
}
