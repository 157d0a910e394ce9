'use client';
// Does the search find the right tool? What came of searches in use, and the test set that it is measured by.
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { useState } from 'react';
import { PageHeader } from '@/app/_ui/page-header';
import { Tab, TabPanel, Tabs, TabsList } from '@/app/_ui/tabs';
import type { SearchCaseView } from '@/lib/quality/schema';
import { CaseDialog, type DraftCase } from './case-dialog';
import { InUse } from './in-use';
import { TestSet } from './test-set';

export interface QualityRights {
  /** To see what people searched for. */
  searches: boolean;
  /** To see the test set. */
  cases: boolean;
  /** To change it and to measure. */
  change: boolean;
}

const views = ['use', 'test'] as const;

export function QualityView({ rights }: { rights: QualityRights }) {
  const [view, setView] = useQueryState('view', parseAsStringLiteral(views).withDefault('use'));
  const [edited, setEdited] = useState<SearchCaseView | DraftCase | null>(null);
  return (
    <>
      <PageHeader
        title="Quality of the search"
        description="Whether the search for tools finds the right one: what was called after searches, and how it does on requests of which you know the right tool."
      />
      <Tabs value={view} onValueChange={(next) => void setView(next as (typeof views)[number])}>
        <TabsList aria-label="Quality of the search">
          <Tab value="use">In use</Tab>
          {rights.cases && <Tab value="test">Test set</Tab>}
        </TabsList>
        <TabPanel value="use">
          <InUse rights={rights} onCase={setEdited} />
        </TabPanel>
        {rights.cases && (
          <TabPanel value="test">
            <TestSet mayChange={rights.change} onEdit={setEdited} />
          </TabPanel>
        )}
      </Tabs>
      {edited && <CaseDialog edited={edited} onClose={() => setEdited(null)} />}
    </>
  );
}
