// Names and labels that dashboards rely on.
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../../../lib/telemetry/metrics';

describe('metrics', () => {
  it('count requests, calls and losses under the promised names', async () => {
    const metrics = createMetrics('1.2.3', { defaults: false });
    metrics.request('POST', '/api/mcp', 200, 0.002);
    metrics.request('POST', '/api/mcp', 200, 0.002);
    metrics.request('BREW', '/api/mcp', 405, 0.001);
    metrics.toolCall('files', 'read', 'ok', 0.05);
    metrics.toolCall(null, null, 'denied', 0.001);
    metrics.dropped('call-log', 3);
    metrics.searched('lexical', 0, 0.004);
    metrics.searched('lexical', 3, 0.004);
    metrics.searched('hybrid', 3, 0.04);
    metrics.foundToolCalled(2);
    metrics.embeddingsAsked(null, 32);
    metrics.embeddingsAsked('timeout', 1);
    metrics.searchCost({ kind: 'list', endpoint: '/api/mcp/$smart', shownTokens: 500, fullTokens: 9000 });
    metrics.searchCost({ kind: 'search', endpoint: '/api/mcp/$smart', shownTokens: 300, fullTokens: 0 });
    metrics.toolsDrifted('files', 2);
    const text = await metrics.text();
    expect(text).toContain('mcphub_search_duration_seconds_bucket{le="0.005",mode="lexical"} 2');
    expect(text).toContain('mcphub_search_duration_seconds_count{mode="hybrid"} 1');
    expect(text).toContain('mcphub_embeddings_requests_total{outcome="ok"} 1');
    expect(text).toContain('mcphub_embeddings_requests_total{outcome="timeout"} 1');
    expect(text).toContain('mcphub_embeddings_texts_total 32');
    expect(text).toContain('mcphub_searches_without_hit_total{mode="lexical"} 1');
    expect(text).toContain('mcphub_search_called_rank_bucket{le="2"} 1');
    expect(text).toContain('mcphub_search_tokens_total{endpoint="/api/mcp/$smart",kind="full_list"} 9000');
    expect(text).toContain('mcphub_search_tokens_total{endpoint="/api/mcp/$smart",kind="search"} 300');
    expect(text).toContain('mcphub_search_tokens_saved{endpoint="/api/mcp/$smart"} 8200');
    expect(text).toContain('mcphub_tools_drifted_total{server_name="files"} 2');
    expect(text).toContain('mcphub_requests_total{method="POST",route="/api/mcp",status="200"} 2');
    expect(text).toContain('mcphub_requests_total{method="OTHER",route="/api/mcp",status="405"} 1');
    expect(text).toContain('mcphub_response_time_seconds_count{route="/api/mcp"} 3');
    expect(text).toContain('mcphub_tool_calls_total{server_name="files",tool="read",outcome="ok"} 1');
    expect(text).toContain('mcphub_tool_calls_total{server_name="unknown",tool="unknown",outcome="denied"} 1');
    expect(text).toContain('mcphub_tool_call_duration_seconds_count{server_name="files",tool="read"} 1');
    expect(text).toContain('mcphub_records_dropped_total{sink="call-log"} 3');
    expect(text).toContain(`mcphub_build_info{version="1.2.3",node="${process.version}"} 1`);
  });

  it('put each duration into all buckets that it fits, the boundary included', async () => {
    const metrics = createMetrics('1', { defaults: false });
    for (const seconds of [0.005, 0.0051, 100]) metrics.request('GET', '/x', 200, seconds);
    metrics.request('GET', '/x', 200, null);
    const text = await metrics.text();
    const line = (le: string) => `mcphub_response_time_seconds_bucket{le="${le}",route="/x"}`;
    for (const [le, count] of [
      ['0.001', 0],
      ['0.005', 1],
      ['0.01', 2],
      ['30', 2],
      ['+Inf', 3],
    ] as const) {
      expect(text).toContain(`${line(le)} ${count}\n`);
    }
    expect(text).toContain('mcphub_response_time_seconds_sum{route="/x"} 100.0101\n');
  });

  it('are the same at a second scrape', async () => {
    const metrics = createMetrics('1', { defaults: false });
    metrics.dropped('x', 2);
    expect(await metrics.text()).toBe(await metrics.text());
  });

  it('show a server in one state, and forget a removed one', async () => {
    const metrics = createMetrics('1', { defaults: false });
    metrics.serverStatus('files', 'starting');
    metrics.serverStatus('files', 'ready');
    expect(await metrics.text()).toContain('mcphub_server_status{server_name="files",status="starting"} 0');
    expect(await metrics.text()).toContain('mcphub_server_status{server_name="files",status="ready"} 1');
    metrics.removeServer('files');
    expect(await metrics.text()).not.toContain('server_name="files"');
  });

  it('show what servers use now, and nothing of one that ended', async () => {
    const metrics = createMetrics('1', { defaults: false });
    metrics.usageFrom(() => [{ name: 'files', rssBytes: 5_000, cpuSeconds: 1.5, processes: 2 }]);
    for (const _scrape of [1, 2]) {
      const text = await metrics.text();
      expect(text).toContain('mcphub_server_memory_bytes{server_name="files"} 5000');
      expect(text).toContain('mcphub_server_cpu_seconds_total{server_name="files"} 1.5');
      expect(text).toContain('mcphub_server_processes{server_name="files"} 2');
    }
    metrics.usageFrom(() => []);
    expect(await metrics.text()).not.toContain('server_name="files"');
  });

  it('give 200 tools a label of their own and call the rest "other"', async () => {
    const metrics = createMetrics('1', { defaults: false });
    for (let index = 0; index < 300; index++) metrics.toolCall('many', `tool${index}`, 'ok', 0.01);
    const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('mcphub_tool_calls_total{'));
    expect(lines).toHaveLength(201);
    expect(lines).toContain('mcphub_tool_calls_total{server_name="many",tool="other",outcome="ok"} 100');
  });
});
