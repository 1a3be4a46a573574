"""What a call costs in operations, bytes or instructions, and references for counts of spikes."""
