// What a document says of itself, and what was odd in it.
import { plural } from '@/app/_ui/format';
import { Notice } from '@/app/_ui/notice';
import type { DocumentReading } from '@/lib/openapi/schema';

export function DocumentHead({ reading }: { reading: DocumentReading }) {
  const { title, version, openapi, warnings, faults } = reading;
  return (
    <div className="flex flex-col gap-2">
      <p className="text-table">
        <span className="font-medium break-words">{title}</span>{' '}
        <span className="text-muted-foreground">
          {version && `version ${version}, `}OpenAPI {openapi}, {plural(reading.operations.length, 'operation')}
        </span>
      </p>
      {warnings.map((warning) => (
        <Notice key={warning} tone="warn" title={warning} />
      ))}
      {faults.length > 0 && (
        <Notice
          tone="warn"
          title={`${plural(faults.length, 'operation')} cannot be offered.`}
          cause={faults
            .slice(0, 5)
            .map(({ operation, reason }) => `${operation}: ${reason}`)
            .join('\n')}
        />
      )}
    </div>
  );
}
