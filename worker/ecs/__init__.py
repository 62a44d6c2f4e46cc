"""ECS: asks the container agent to leave this task alone while there is work that stopping would cut off.

agent    the container agent's HTTP endpoint: one request, one answer, as values
policy   when to protect, when to renew, when to release: pure
protect  looks at the pipelines, obeys the policy, tells what came of it
"""
