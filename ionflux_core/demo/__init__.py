"""The generated demo shop "EcoThreads Boutique": orders, traffic, costs, and the faults planted in them."""
